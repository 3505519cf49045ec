"""The four services. They never import each other: they meet in the event streams and over HTTP."""
