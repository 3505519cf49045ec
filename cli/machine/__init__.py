"""Everything on one machine: NATS, PostgreSQL and the four services under `.liandong/`, started and kept alive by one command."""
