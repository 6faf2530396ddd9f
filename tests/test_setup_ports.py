"""What ports a machine has, by what its kernel and udev tell; and the rules that give them lasting names."""

from __future__ import annotations

from pathlib import Path

from machines import NUMBERS, PCI, Bench

from controller.setup import udev
from controller.setup.ports import Machine, Port

SHIPPED = Path(__file__).parents[1] / "systemd" / "90-lobby.rules"


def ports(bench: Bench) -> dict[str, Port]:
    return {port.kernel: port for port in Machine(bench.root).ports()}


def test_a_machine_without_ports_has_none(tmp_path: Path) -> None:
    assert Machine(tmp_path).ports() == []


def test_adapters_say_who_they_are_and_where(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.usb("ttyUSB0", "2")
    bench.usb("ttyUSB10", "3.1", ids="0403:6001", serial="A50285BI", about="FTDI|FT232R USB UART")
    bench.usb("usb/lp0", "4", ids="0416:5011", about="STMicro|POS58 Printer USB")
    found = ports(bench)
    assert list(found) == ["ttyUSB0", "ttyUSB10", "lp0"]
    ch340, ftdi, printer = found.values()
    assert (ch340.form, ch340.vendor, ch340.product, ch340.serial) == ("serial", "1a86", "7523", "")
    assert ch340.id_path == f"pci-{PCI}-usb-0:2:1.0"
    assert ch340.by_path == str(tmp_path / f"dev/serial/by-path/pci-{PCI}-usb-0:2:1.0-port0")
    assert (ftdi.about, ftdi.serial, ftdi.socket) == ("FTDI FT232R USB UART", "A50285BI", "1-3.1")
    assert (printer.form, printer.node, printer.socket) == ("printer", tmp_path / "dev/usb/lp0", "1-4")


def test_without_udevs_database_the_socket_is_read_off_the_name_by_path(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.usb("ttyUSB0", "2", udev=False)
    assert ports(bench)["ttyUSB0"].id_path == f"pci-{PCI}-usb-0:2:1.0"


def test_a_port_without_a_chip_is_none_and_a_console_is_left_alone(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.board("ttyS0", console=True)
    bench.board("ttyS1")
    bench.board("ttyS2", uart="0")
    assert {name: port.untried for name, port in ports(bench).items()} == {"ttyS0": "console", "ttyS1": ""}


def test_what_has_a_numeric_block_can_be_heard_and_other_keys_are_no_port(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.usb("input/event4", "5", keys=NUMBERS)
    bench.usb("input/event5", "6", keys=range(1, 120))
    bench.usb("input/event6", "7", keys=[116])  # a button to switch off
    assert list(ports(bench)) == ["event4", "event5"]


# -- rules ---------------------------------------------------------------------------------------------------------


def rules(bench: Bench) -> dict[str, str]:
    known = Machine(bench.root).ports()
    return {port.kernel: udev.rule(port, "x", known) for port in known}


def test_a_number_of_its_own_names_an_adapter_and_else_its_socket(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.usb("ttyUSB0", "2")
    bench.usb("ttyUSB1", "3", ids="0403:6001", serial="A50285BI")
    bench.usb("ttyUSB2", "4", ids="10c4:ea60", serial="0001")
    bench.usb("usb/lp0", "5", ids="04b8:0202", serial="J4PF001234")
    bench.usb("usb/lp1", "6.2", ids="0416:5011")
    bench.usb("input/event4", "7", keys=NUMBERS)
    bench.board("ttyS1")
    assert rules(bench) == {
        "ttyS1": 'SUBSYSTEM=="tty", KERNEL=="ttyS1", SYMLINK+="lobby/x"',
        "ttyUSB0": f'SUBSYSTEM=="tty", ENV{{ID_PATH}}=="pci-{PCI}-usb-0:2:1.0", SYMLINK+="lobby/x"',
        "ttyUSB1": 'SUBSYSTEM=="tty", ENV{ID_VENDOR_ID}=="0403", ENV{ID_SERIAL_SHORT}=="A50285BI", SYMLINK+="lobby/x"',
        "ttyUSB2": f'SUBSYSTEM=="tty", ENV{{ID_PATH}}=="pci-{PCI}-usb-0:4:1.0", SYMLINK+="lobby/x"',
        "lp0": 'SUBSYSTEM=="usbmisc", KERNEL=="lp[0-9]*", ATTRS{idVendor}=="04b8", ATTRS{serial}=="J4PF001234", '
        'SYMLINK+="lobby/x"',
        "lp1": 'SUBSYSTEM=="usbmisc", KERNEL=="lp[0-9]*", KERNELS=="1-6.2", SYMLINK+="lobby/x"',
        "event4": f'SUBSYSTEM=="input", KERNEL=="event*", ENV{{ID_PATH}}=="pci-{PCI}-usb-0:7:1.0", '
        'ATTRS{name}=="QinHeng Electronics USB Serial", SYMLINK+="lobby/x"',
    }


def test_two_adapters_with_one_number_go_by_their_sockets(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.usb("ttyUSB0", "2", serial="ABC123")
    bench.usb("ttyUSB1", "3", serial="ABC123")
    assert all("ID_PATH" in rule and "ABC123" not in rule for rule in rules(bench).values())


def test_an_adapter_with_several_ports_has_a_name_for_each(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    for n in range(2):
        bench.usb(f"ttyUSB{n}", "2", ids="0403:6011", serial="FT4XK2LM", interface=f"0{n}")
    assert [rule.split(", ")[3] for rule in rules(bench).values()] == [
        'ENV{ID_USB_INTERFACE_NUM}=="00"',
        'ENV{ID_USB_INTERFACE_NUM}=="01"',
    ]


def test_what_an_adapter_says_of_itself_cannot_write_a_rule(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.usb("ttyUSB0", "2", serial='A", RUN+="/bin/sh')
    (rule,) = rules(bench).values()
    assert "RUN" not in rule
    assert "ID_PATH" in rule
    (port,) = Machine(bench.root).ports()
    hostile = 'x"\nRUN+="/bin/sh'
    made = udev.text({"x": port}, [port], "head", {"x": f"x: {hostile}"})
    assert [line for line in made.splitlines() if "RUN" in line and not line.startswith("#")] == []


def test_what_holds_for_all_ports_is_as_in_the_file_that_is_shipped() -> None:
    shipped = SHIPPED.read_text("utf-8").splitlines()
    assert [line for line in shipped if 'SYMLINK=="lobby/*"' in line] == udev.FOR_ALL.splitlines()


def test_rules_are_put_in_place_and_the_old_ones_kept_where_udev_does_not_read_them(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.usb("ttyUSB0", "2")
    machine = Machine(tmp_path)
    assert udev.write(machine, "first\n", ".before-setup") is None
    kept = udev.write(machine, "second\n", ".before-setup")
    again = udev.write(machine, "third\n", ".before-setup")
    assert kept
    assert again
    assert (kept.read_text(), again.read_text()) == ("first\n", "second\n")
    assert (tmp_path / udev.RULES).read_text() == "third\n"
    assert [path.name for path in (tmp_path / udev.RULES).parent.glob("*.rules")] == ["90-lobby.rules"]
