#!/usr/bin/env bash
# Installs what rxhpc builds with on Debian 12 and 13, from the suites of the system's own package configuration.
#
#   cmake/install-dependencies.sh            packages for building, running and testing
#   cmake/install-dependencies.sh --bench    and R with the packages that the benchmarks compare with
#   cmake/install-dependencies.sh --check    only says whether something is missing (exit status 1)
#
# Silent and quick when nothing is missing. On other systems bring the packages yourself and pass -DKokkos_ROOT= to CMake.
set -euo pipefail

say() { printf 'install-dependencies: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

packages=(g++ cmake ninja-build ccache git pkg-config
  openmpi-bin libopenmpi-dev libhdf5-dev hdf5-tools
  libgtest-dev libgmock-dev libbenchmark-dev
  libcli11-dev nlohmann-json3-dev libboost-dev libfast-float-dev
  libxxhash-dev liblz4-dev libzstd-dev libdeflate-dev libisal-dev
  python3 python3-h5py python3-pandas)
bench_packages=(r-base-core r-cran-data.table r-cran-jsonlite r-cran-statmod)

only_check=no
for option in "$@"; do
  case "$option" in
    --bench) packages+=("${bench_packages[@]}") ;;
    --check) only_check=yes ;;
    *) die "unknown option $option" ;;
  esac
done

installed() { [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null)" = "ii " ]; }

# Debian 12's own Kokkos is too old; 5.2.2 or later of the development suite serves both releases.
kokkos_fits() { installed libkokkos-dev && dpkg --compare-versions "$(dpkg-query -W -f '${Version}' libkokkos-dev)" ge 5.2.2; }

# The package names two header-only components' archives that it does not carry; empty ones satisfy its CMake files.
mend_kokkos() {
  local core folder
  core=$(dpkg -L libkokkos-dev 2>/dev/null | grep -m1 'libkokkoscore\.so$') || return 0
  folder=$(dirname "$core")
  for archive in libkokkosalgorithms.a libkokkossimd.a; do
    [ -e "$folder/$archive" ] || ar rcs "$folder/$archive"
  done
}

missing=()
for package in "${packages[@]}"; do installed "$package" || missing+=("$package"); done
if kokkos_fits && [ ${#missing[@]} -eq 0 ]; then
  mend_kokkos
  exit 0
fi
[ "$only_check" = yes ] && die "missing: ${missing[*]:-}$(kokkos_fits || echo ' libkokkos-dev (>= 5.2.2)')"

[ "$(id -u)" = 0 ] || die "these packages are missing and installing them needs root: ${missing[*]:-} libkokkos-dev"
. /etc/os-release
[ "${ID:-}" = debian ] || die "knows Debian 12 and 13 only; install these yourself: ${packages[*]} and Kokkos 4.6 or later"
case "${VERSION_ID:-}" in 12 | 13) ;; *) die "knows Debian 12 and 13 only, this is ${VERSION_ID:-unstable}" ;; esac
export DEBIAN_FRONTEND=noninteractive

# The first Debian archive that this machine already uses: its URI and key, whichever form the list has.
archive_uri() {
  apt-get indextargets --format '$(SITE)|$(RELEASE)|$(COMPONENT)' 'Created-By: Packages' 2>/dev/null |
    awk -F'|' '$3 == "main" && $2 !~ /security|updates|backports/ {print $1}' | while read -r site; do
      case "$site" in */debian | */debian/) echo "$site"; break ;; esac
    done
}

steps=()
if ! kokkos_fits; then
  uri=$(archive_uri | head -n 1)
  [ -n "$uri" ] || die "no Debian archive in this machine's package configuration; install Kokkos 4.6 or later and pass -DKokkos_ROOT="
  steps+=("add the suites trixie and sid of $uri in /etc/apt/sources.list.d/rxhpc-kokkos.sources, pinned so that only Kokkos and, on Debian 12, the C and C++ run-time libraries with the packages that must move with them (base-files, so that /etc/os-release then says 13; locales; dpkg-dev) may come from them (/etc/apt/preferences.d/rxhpc-kokkos)")
  steps+=("install libkokkos-dev from sid")
fi
[ ${#missing[@]} -eq 0 ] || steps+=("install ${missing[*]}")
say "this will"
for step in "${steps[@]}"; do say "  - $step"; done

apt_log=$(mktemp)
trap 'rm -f "$apt_log"' EXIT
quietly() { "$@" >"$apt_log" 2>&1 || { tail -n 30 "$apt_log" >&2; die "failed: $*"; }; }

if ! kokkos_fits; then
  key=/usr/share/keyrings/debian-archive-keyring.gpg
  suites="trixie sid"
  [ "$VERSION_ID" = 13 ] && suites=sid
  # Sites freeze their mirrors: sid's index expires after a week, and is signed all the same.
  printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\nCheck-Valid-Until: no\n' "$uri" "$suites" "$key" \
    >/etc/apt/sources.list.d/rxhpc-kokkos.sources
  {
    [ "$VERSION_ID" = 13 ] || printf 'Package: *\nPin: release n=trixie\nPin-Priority: 100\n\n'
    printf 'Package: *\nPin: release n=sid\nPin-Priority: 50\n\n'
    printf 'Package: libkokkos*\nPin: release n=sid\nPin-Priority: 990\n'
    # The run-time libraries move to 13's versions together: with a shorter list apt removes the compiler instead.
    [ "$VERSION_ID" = 13 ] || printf '\nPackage: %s\nPin: release n=trixie\nPin-Priority: 990\n' \
      "base-files libc6 libc6-* libc-bin libc-dev-bin libc-l10n locales locales-all libstdc++6 libgcc-s1 libgomp1 gcc-14-base lib32gcc-s1 lib32stdc++6 dpkg-dev libdpkg-perl nscd"
  } >/etc/apt/preferences.d/rxhpc-kokkos
fi
apt-get -q update >"$apt_log" 2>&1 || say "apt-get update reported: $(grep -m1 -E '^(E|W):' "$apt_log" || true)"

wanted=("${missing[@]}")
kokkos_fits || wanted+=(libkokkos-dev)
quietly apt-get install -s --no-install-recommends "${wanted[@]}"
if removed=$(grep '^Remv ' "$apt_log"); then
  die "stopped, because apt would remove: $(awk '{printf "%s ", $2}' <<<"$removed")"
fi
quietly apt-get install -y -q --no-install-recommends -o Dpkg::Options::=--force-confold "${wanted[@]}"
kokkos_fits || die "no libkokkos-dev 5.2.2 or later could be installed"
mend_kokkos
say "done"
