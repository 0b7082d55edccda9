"""The web as gleanery meets it: URLs, the guard on addresses, robots.txt, politeness and fetching."""
