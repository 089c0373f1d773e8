"""Byte links and codecs: serial, TCP, Modbus, ASCII."""
