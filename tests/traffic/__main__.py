"""`python -m traffic`: see `traffic.record`."""

from traffic import virtual

CLOCK = virtual.install()

from traffic.record import main  # noqa: E402 - by now time is virtual: functions have clocks as defaults

main(CLOCK)
