"""What keeps a branch running: health for systemd and monitors, the log, the doctor, the support bundle."""
