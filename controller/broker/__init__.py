"""The branch's own broker, Mosquitto: its certificates, its users, and what each of them may do."""
