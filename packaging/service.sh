# What happens to a running lobby around an upgrade, for the package's scripts and for install.sh. POSIX sh.
# What is printed is for a person: one sentence, and what to do. Set before: UNITS, where our units are.

PROGRAM=/opt/lobby
FORMER=/opt/lobby.former
FAILED=/opt/lobby.failed
ROLLED_BACK=$PROGRAM/rolled-back
CONFIG=/etc/lobby/branch.toml
STATE=/var/lib/lobby
BACKUPS=$STATE/backups
BACKUP_LINK=$BACKUPS/before-update
READY_WITHIN=${LOBBY_READY_WITHIN:-120} # seconds
STAYS_FOR=${LOBBY_STAYS_FOR:-5}         # seconds after which a new version that was ready is trusted
BACKUPS_KEPT=5

# The names of our units that are installed.
our_units() { (cd "$UNITS" && find . -maxdepth 1 -type f \( -name 'lobby.service' -o -name 'lobby-*.service' -o -name 'lobby-*.timer' \) -printf '%P ') }

# Those that an installation enables.
enabled_units() { our_units | tr ' ' '\n' | grep -e '^lobby\.service$' -e '\.timer$'; }

say() { echo "lobby: $*" >&2; }

under_systemd() { [ -d /run/systemd/system ]; }

state_of_service() { under_systemd && systemctl show --property=ActiveState --value lobby.service || true; }

as_lobby() { setpriv --reuid=lobby --regid=lobby --init-groups --reset-env "$@"; }

# A backup of the journal before version $1. Fails only if the lobby is open and cannot be backed up.
back_up() {
    [ -e "$CONFIG" ] && [ -x "$PROGRAM/bin/lobby" ] && [ -z "${LOBBY_NO_BACKUP:-}" ] || return 0
    install -d -o lobby -g lobby -m 750 "$BACKUPS" || return 0
    backup=$BACKUPS/before-$1-$(date +%Y%m%d-%H%M%S).db
    if said=$(as_lobby "$PROGRAM/bin/lobby" backup --config "$CONFIG" "$backup" 2>&1); then
        ln -sfn "${backup##*/}" "$BACKUP_LINK"
        say "backup before the update: $backup"
        # shellcheck disable=SC2012 # our own names
        ls -1t "$BACKUPS"/before-*.db | tail -n +$((BACKUPS_KEPT + 1)) | while read -r old; do rm -f "$old"; done
    elif [ "$(state_of_service)" = active ]; then
        say "no backup can be made ($said); nothing is changed. Mend that, or update without one: LOBBY_NO_BACKUP=1"
        return 1
    else
        rm -f "$BACKUP_LINK"
        say "no backup was made: $said"
    fi
}

# Keep what is installed until the new version was ready. Hard links: dpkg puts new files in the place of old ones.
keep_former() {
    [ -d "$PROGRAM" ] || return 0
    rm -rf "$FORMER"
    cp -al "$PROGRAM" "$FORMER" 2>/dev/null || { rm -rf "$FORMER" && cp -a "$PROGRAM" "$FORMER"; }
    keep_units
}

keep_units() {
    rm -f "$FORMER/rolled-back"
    mkdir -p "$FORMER/units"
    for unit in $(our_units); do cp -a "$UNITS/$unit" "$FORMER/units/"; done
}

# Start the service anew: whether it becomes ready and stays so.
becomes_ready() {
    timeout "$READY_WITHIN" systemctl restart lobby.service 2>/dev/null || return 1
    before=$(systemctl show --property=MainPID --value lobby.service)
    sleep "$STAYS_FOR"
    [ "$(state_of_service)" = active ] && [ "$(systemctl show --property=MainPID --value lobby.service)" = "$before" ]
}

why_not() { systemctl show --property=StatusText --value lobby.service; }

# After version $1 was put in the place of $2: start it; if it does not become ready, $2 runs again, and this fails.
take_over() {
    case $(state_of_service) in
        active | reloading) ;;
        activating) # waits for a mistake to be mended, as it did before
            systemctl --no-block restart lobby.service
            rm -rf "$FORMER"
            return 0
            ;;
        *)
            rm -rf "$FORMER"
            return 0
            ;;
    esac
    if becomes_ready; then
        rm -rf "$FORMER"
        return 0
    fi
    reason=$(why_not)
    if [ ! -d "$FORMER" ]; then
        say "version $1 does not become ready${reason:+ ($reason)}; journalctl -u lobby says why"
        return 1
    fi
    put_former_back
    if becomes_ready; then
        say "version $1 did not become ready${reason:+ ($reason)}; version $2 is back and runs. journalctl -u lobby says why"
        return 1
    fi
    # The new version may have written what the former cannot read.
    if [ -e "$BACKUP_LINK" ] && systemctl stop lobby.service && restore && becomes_ready; then
        say "version $1 did not become ready${reason:+ ($reason)}; version $2 is back and runs, with the journal as it was" \
            "before the update. The other is kept beside it in $STATE. journalctl -u lobby says why"
        return 1
    fi
    say "neither version $1 nor version $2, which is back, becomes ready; journalctl -u lobby says why"
    return 1
}

restore() { as_lobby "$PROGRAM/bin/lobby" restore --config "$CONFIG" "$(readlink -f "$BACKUP_LINK")" >&2; }

put_former_back() {
    systemctl stop lobby.service || true
    rm -rf "$FAILED"
    mv "$PROGRAM" "$FAILED"
    mv "$FORMER" "$PROGRAM"
    for unit in "$PROGRAM"/units/*; do mv -f "$unit" "$UNITS/"; done
    rm -rf "$PROGRAM/units" "$FAILED"
    : >"$ROLLED_BACK"
    systemctl daemon-reload
}

# Take up the rules of udev, and show the devices that have names already to the service.
reload_udev() {
    udevadm control --reload 2>/dev/null || return 0
    if [ -d /dev/lobby ]; then
        udevadm trigger --subsystem-match=tty --subsystem-match=usbmisc --subsystem-match=input || true
    fi
}

# The first start: nothing is started before the branch is configured.
first_start() {
    if [ ! -e "$CONFIG" ]; then
        say "installed. Now: sudo lobby setup (or write $CONFIG yourself, like $1), then: sudo systemctl start lobby"
    elif under_systemd; then
        becomes_ready || say "the service does not become ready: $(why_not); systemctl status lobby tells more"
    fi
}
