"""The router's rules, one module per stage of a demand's life; pure. `services.router.domain` puts them together."""
