"""The process that tells the SCADA: reads the journal, speaks MQTT."""
