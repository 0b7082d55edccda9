"""The doors: REST by resource, Socket.IO, and every JSON shape that passes them."""
