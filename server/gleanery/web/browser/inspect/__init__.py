"""What is read of a page that is open in the browser: `inspector` is the door, the scripts beside it run in the page."""
