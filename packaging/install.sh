#!/bin/sh
# Installs or updates the lobby controller from this folder, without a network, on a distribution with systemd and
# Python 3.11 or later: sudo ./install.sh. Afterwards: sudo /opt/lobby/install.sh --uninstall, which keeps configuration
# and journal, or --purge, which removes both. On Debian and Ubuntu take the package instead.
set -eu
umask 022
HERE=$(dirname "$(readlink -f "$0")")
UNITS=/etc/systemd/system
MB_NEEDED=250
SHARE=/usr/local/share
COMMAND=/usr/local/bin/lobby

# shellcheck source=service.sh
. "$HERE/service.sh"

stop() {
    say "$*"
    exit 1
}

usage() {
    echo "usage: sudo ./install.sh               install, or update what is installed"
    echo "       sudo ./install.sh --uninstall   remove it; $CONFIG and $STATE stay"
    echo "       sudo ./install.sh --purge       remove it, its configuration and its journal"
}

# The newest Python of the system that the folder has wheels for: the service sees nothing below /home or /root.
python() {
    for name in ${PYTHON:-/usr/bin/python3 /usr/bin/python3.14 /usr/bin/python3.13 /usr/bin/python3.12 /usr/bin/python3.11}; do
        if "$name" -c 'import sys, sqlite3, ssl; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
    stop "Python 3.11 or later is needed in /usr/bin, with its modules sqlite3 and ssl; install it with your distribution's tool" \
        "(another place: PYTHON=/path sudo -E ./install.sh)"
}

may_be_here() {
    [ "$(id -u)" = 0 ] || stop "only root can install a service: sudo $0 $*"
    [ -d /run/systemd/system ] || stop "this machine was not started with systemd, which the service needs; nothing is changed"
    if [ -e /var/lib/dpkg/info/lobby-controller.prerm ]; then
        stop "it is installed as a Debian package: update it with sudo apt install ./lobby-controller_VERSION.deb; nothing is changed"
    fi
}

install_it() {
    [ -d "$HERE/wheels" ] || stop "install from the unpacked folder of the version that you want"
    version=$(cat "$HERE/version")
    (cd "$HERE" && sha256sum --quiet --check SHA256SUMS) >&2 || stop "a file of this folder is damaged; copy it again"
    python=$(python)
    free=$(df -Pm /opt | awk 'NR == 2 { print $4 }')
    [ "$free" -ge "$MB_NEEDED" ] || stop "/opt has $free MB left, and $MB_NEEDED are needed; nothing is changed"
    rm -rf "$PROGRAM.new"
    "$python" "$HERE/environment.py" "$HERE/wheels" "$PROGRAM.new" --final "$PROGRAM" >/dev/null || {
        rm -rf "$PROGRAM.new"
        stop "nothing is changed"
    }
    cp "$HERE/install.sh" "$HERE/service.sh" "$HERE/version" "$PROGRAM.new/"
    : >"$PROGRAM.new/bundle"
    former=
    if [ -d "$PROGRAM" ]; then
        former=$(cat "$PROGRAM/version" 2>/dev/null || echo before)
        back_up "$version" || {
            rm -rf "$PROGRAM.new"
            exit 1
        }
        rm -rf "$FORMER"
        mv "$PROGRAM" "$FORMER"
        keep_units
    fi
    mv "$PROGRAM.new" "$PROGRAM"
    if command -v restorecon >/dev/null; then restorecon -R "$PROGRAM" || true; fi

    install -D -m 644 "$HERE/systemd/lobby.sysusers" /etc/sysusers.d/lobby.conf
    install -D -m 644 "$HERE/systemd/lobby.tmpfiles" /etc/tmpfiles.d/lobby.conf
    install -m 644 -t "$UNITS" "$HERE"/systemd/*.service "$HERE"/systemd/*.timer
    install -D -m 644 -t /usr/lib/udev/rules.d "$HERE/systemd/90-lobby.rules" "$HERE/systemd/99-lobby.rules"
    install -D -m 755 -t /usr/lib/udev "$HERE/systemd/lobby-node"
    for example in "$HERE/branch.example.toml" "$HERE/systemd/90-lobby.rules" "$HERE/systemd/mosquitto-lobby.conf"; do
        install -D -m 644 -t "$SHARE/doc/lobby-controller/examples" "$example"
    done
    install -D -m 644 -t "$SHARE/man/man1" "$HERE"/share/man/man1/*
    install -D -m 644 -t "$SHARE/bash-completion/completions" "$HERE/share/bash-completion/completions/lobby"
    ln -sfn "$PROGRAM/bin/lobby" "$COMMAND"
    # Groups of devices that a distribution has not are made: udev gives the devices to them.
    for group in dialout lp audio; do
        if ! getent group "$group" >/dev/null; then groupadd --system "$group"; fi
    done
    systemd-sysusers lobby.conf
    systemd-tmpfiles --create lobby.conf
    reload_udev
    systemctl daemon-reload
    if [ -n "$former" ]; then
        take_over "$version" "$former"
        say "version $version is installed"
    else
        for unit in $(enabled_units); do systemctl enable --quiet "$unit"; done
        for unit in $(enabled_units | grep timer); do systemctl start "$unit"; done
        first_start "$SHARE/doc/lobby-controller/examples/branch.example.toml"
    fi
}

uninstall() {
    [ -e "$PROGRAM/bundle" ] || stop "$PROGRAM holds no installed bundle; nothing is removed"
    for unit in $(enabled_units); do systemctl disable --quiet --now "$unit" || true; done
    for unit in $(our_units); do rm -f "$UNITS/$unit"; done
    rm -f /etc/sysusers.d/lobby.conf /etc/tmpfiles.d/lobby.conf "$COMMAND"
    rm -f /usr/lib/udev/rules.d/90-lobby.rules /usr/lib/udev/rules.d/99-lobby.rules /usr/lib/udev/lobby-node
    rm -f "$SHARE"/man/man1/lobby.1.gz "$SHARE"/man/man1/lobby-*.1.gz "$SHARE/bash-completion/completions/lobby"
    rm -rf "$SHARE/doc/lobby-controller" "$PROGRAM" "$FORMER" "$PROGRAM.new"
    systemctl daemon-reload
    udevadm control --reload 2>/dev/null || true
}

case "${1:-}" in
    "")
        may_be_here
        install_it
        ;;
    --uninstall)
        may_be_here "$1"
        uninstall
        say "removed; $CONFIG and $STATE with the journal are still there"
        ;;
    --purge)
        may_be_here "$1"
        uninstall
        rm -rf /etc/lobby "$STATE" /etc/udev/rules.d/90-lobby.rules
        # The broker's settings that `lobby mqtt init` made name files in /etc/lobby.
        if grep -qs '^# Made by `lobby mqtt`' /etc/mosquitto/conf.d/lobby.conf; then
            rm -f /etc/mosquitto/conf.d/lobby.conf
            systemctl try-restart mosquitto.service || true
        fi
        say "removed, with its configuration and its journal"
        ;;
    -h | --help) usage ;;
    *)
        usage >&2
        exit 2
        ;;
esac
