"""What bench/run is made of: one module a kind of measurement, and three that present them."""
