"""The control core: pure and synchronous."""
