"""The screens that people use, served by the daemon: pages, their live pictures, an HTTP API, and who may do what."""
