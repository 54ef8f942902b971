#!/usr/bin/env bash
# Unpacks Debian's arm64 packages that fd2 is built with, to a directory of their own: the system gets
# no second architecture.
#
#     scripts/lib/arm64-sysroot.sh            unpacks them if they are not there, and says where they lie
#     scripts/lib/arm64-sysroot.sh --where    says where they lie, and fails if they are not there
#
# They lie in ${XDG_CACHE_HOME:-~/.cache}/fd2/arm64/<key>; the key is made of the versions of the same
# packages here and of this file. 60 MB are downloaded.
set -euo pipefail

# Of the groups `build` of scripts/lib/packages.sh what has code or headers.
packages=(libc6-dev libstdc++-12-dev
    libboost1.81-dev libboost-log1.81-dev libboost-filesystem1.81-dev libboost-thread1.81-dev
    libyaml-cpp-dev libmd-dev libcli11-dev nlohmann-json3-dev catch2 librapidcheck-dev)

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
source "$here/cached.sh"
fd2_cache_begin arm64 "$here/arm64-sysroot.sh" "${1:-}" "${packages[@]}"

echo "Downloading Debian's arm64 packages (60 MB)"
fd2_apt_lists "$work/apt" deb arm64
"${fd2_apt[@]}" install -y --no-install-recommends --download-only "${packages[@]}" >>"$work/apt/log" || {
    tail -20 "$work/apt/log"
    exit 1
}
# Packages have files in /lib as well, which is /usr/lib.
mkdir -p "$prefix/usr/lib"
ln -s usr/lib "$prefix/lib"
for package in "$work"/apt/cache/archives/*.deb; do
    dpkg-deb --fsys-tarfile "$package" | tar -x -C "$prefix" --keep-directory-symlink
done
# Links to absolute paths would lead out of it.
find "$prefix" -type l -lname '/*' -printf '%P %l\n' | while read -r link to; do
    ln -sfr "$prefix$to" "$prefix/$link"
done
rm -rf "$prefix/usr/share/doc"
fd2_cache_end
