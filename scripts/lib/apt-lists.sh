# shellcheck shell=bash
# Lists of Debian's packages for one purpose, beside the system's, which are not touched. To be
# sourced.

# fd2_apt_lists DIRECTORY TYPE [ARCHITECTURE]: downloads lists of TYPE (deb or deb-src) from the
# archives that the system uses, to DIRECTORY. The array fd2_apt is the apt-get that uses them.
fd2_apt_lists() {
    local directory=$1 type=$2 architecture=${3:-} keyring options=() origin uri release
    mkdir -p "$directory"/{sources,lists/partial,cache/archives/partial}
    keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    if [ -f $keyring ]; then options+=("signed-by=$keyring"); fi
    if [ -n "$architecture" ]; then options+=("arch=$architecture"); fi
    # shellcheck disable=SC2016 # apt's own variables
    apt-get indextargets --format '$(ORIGIN) $(REPO_URI) $(RELEASE)' 'Created-By: Packages' | sort -u |
        while read -r origin uri release; do
            if [ "$origin" = Debian ]; then echo "$type [${options[*]}] $uri $release main"; fi
        done >"$directory/sources/debian.list"
    if ! [ -s "$directory/sources/debian.list" ]; then
        echo "apt knows no archive of Debian: run apt-get update first" >&2
        return 1
    fi
    fd2_apt=(apt-get -q -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$directory/sources"
        -o "Dir::State::lists=$directory/lists" -o "Dir::Cache=$directory/cache"
        -o APT::Sandbox::User=root -o APT::Update::Post-Invoke-Success::= -o APT::Update::Post-Invoke::=)
    if [ -n "$architecture" ]; then
        : >"$directory/status" # nothing is installed of it
        fd2_apt+=(-o "APT::Architecture=$architecture" -o "APT::Architectures::=$architecture"
            -o "Dir::State::status=$directory/status")
    fi
    "${fd2_apt[@]}" update >"$directory/log"
}
