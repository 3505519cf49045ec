"""Sample traffic for `make run`: fictitious enterprises that ask, sample nodes that act. Touches nothing but sample demands."""
