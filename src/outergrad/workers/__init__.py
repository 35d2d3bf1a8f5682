"""The roles of asynchronous training, written once against ports that engines implement."""
