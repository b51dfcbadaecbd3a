#!/usr/bin/env bash
# Sets up what a make target needs: `setup.sh python|redis|wrk|postgresql|load|prometheus …`. What is there already is left alone.
set -euo pipefail
cd "$(dirname "$0")/.."

# An activated environment must not decide which Python is used.
if [[ -n "${VIRTUAL_ENV:-}" ]]; then
    PATH=":$PATH:"
    PATH="${PATH//:"$VIRTUAL_ENV/bin":/:}"
    PATH="${PATH#:}" PATH="${PATH%:}"
fi
unset VIRTUAL_ENV PYTHONPATH PYTHONHOME

say() { printf '[setup] %s\n' "$*"; }
fail() {
    printf '[setup] %s\n' "$*" >&2
    exit 1
}

as_root() {
    if [[ $(id -u) -eq 0 ]]; then "$@"; else sudo "$@"; fi
}

apt_updated=no
apt_update() {
    [[ $apt_updated == yes ]] && return
    say "apt-get update"
    as_root apt-get update -qq || fail "apt-get update failed; $1 can't be installed"
    apt_updated=yes
}

apt_install() {
    command -v apt-get >/dev/null || fail "$1 is missing and there is no apt-get here: install $1 yourself, then try again"
    [[ $(id -u) -eq 0 ]] || command -v sudo >/dev/null || fail "$1 is missing: run 'apt-get install $1' as root, then try again"
    apt_update "$1"
    say "apt-get install $1"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$1" >/dev/null ||
        fail "apt-get could not install $1"
}

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    local candidate
    for candidate in python3.11 python3.12 python3.13 python3; do
        if command -v "$candidate" >/dev/null && new_enough "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    fail "Python 3.11 or newer is needed and none is on the PATH"
}

make_venv() {
    local python
    python=$(find_python)
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        apt_install "$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
    fi
    say "making .venv with $python"
    "$python" -m venv --clear .venv
}

setup_python() {
    local stamp=.venv/.installed wanted
    # The stamp names the folder too: an environment that was moved or copied points at the old one.
    wanted="$PWD $(cat pyproject.toml clients/python/pyproject.toml | sha256sum)"
    if ! { [[ -x .venv/bin/python ]] && new_enough .venv/bin/python; }; then
        make_venv
    elif [[ -f $stamp && $(<"$stamp") == "$wanted" ]]; then
        return
    elif [[ -f $stamp && $(<"$stamp") != "$PWD "* ]]; then
        make_venv
    fi
    say "installing the project, its client and its tools into .venv (minutes the first time)"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check -e '.[dev]' -e clients/python
    printf '%s\n' "$wanted" >"$stamp"
}

# Locust has an extra of its own: only the load test imports it, and nobody else has to install gevent.
setup_load() {
    local stamp=.venv/.installed-load wanted
    setup_python
    wanted="$(<.venv/.installed)"
    [[ -f $stamp && $(<"$stamp") == "$wanted" ]] && return
    say "installing locust into .venv"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check -e '.[load]'
    printf '%s\n' "$wanted" >"$stamp"
}

setup_redis() {
    command -v redis-server >/dev/null || apt_install redis-server
    local version
    version=$(redis-server --version | sed -n 's/.*v=\([0-9]*\)\..*/\1/p')
    [[ ${version:-0} -ge 7 ]] || fail "redis-server 7 or newer is needed; this is $(redis-server --version)"
}

setup_wrk() {
    command -v wrk >/dev/null || apt_install wrk
}

# Debian keeps the server's programs off the PATH. The package starts a server of its own, which nothing here uses.
setup_postgresql() {
    compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null || apt_install postgresql
}

# Only promtool and prometheus themselves, unpacked into a folder that git ignores: installed as a package, Prometheus
# would run as a service of this machine from then on.
setup_prometheus() {
    local folder
    [[ -x .tools/prometheus/usr/bin/promtool ]] && return
    command -v prometheus >/dev/null && command -v promtool >/dev/null && return
    command -v apt-get >/dev/null || fail "prometheus is missing and there is no apt-get here: put prometheus and promtool on the PATH, then try again"
    folder=$(mktemp -d)
    say "apt-get download prometheus, unpacked into .tools/"
    if ! (cd "$folder" && apt-get download -qq prometheus >/dev/null 2>&1); then
        apt_update prometheus
        (cd "$folder" && apt-get download -qq prometheus >/dev/null) || fail "apt-get could not download prometheus"
    fi
    mkdir -p .tools && rm -rf .tools/prometheus
    dpkg -x "$folder"/prometheus_*.deb "$folder/unpacked" && mv "$folder/unpacked" .tools/prometheus
    rm -rf "$folder"
}

for need in "$@"; do
    "setup_$need"
done
