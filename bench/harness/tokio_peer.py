"""Builds the peer that needs Rust, with nothing but Debian's packaged crates and no network."""

import os
import shutil
import subprocess

REGISTRY = "/usr/share/cargo/registry"
CONFIGURATION = f"""[source.crates-io]
replace-with = "debian"

[source.debian]
directory = "{REGISTRY}"
"""


def build(setting, source, target):
    """The program, or None, and a note says why."""
    program = os.path.join(target, "target", "release", "tokio_loop")
    for cargo in (shutil.which("cargo"), "/usr/bin/cargo"):
        if cargo and os.path.exists(cargo):
            break
    else:
        setting.note("the tokio loop was left out: there is no cargo")
        return None
    if not any(name.startswith("tokio-1") for name in listed(REGISTRY)):
        setting.note("the tokio loop was left out: librust-tokio-dev is not installed")
        return None
    try:
        copy(source, target)
    except OSError as why:
        setting.note(f"the tokio loop was left out: {why}")
        return None
    done = subprocess.run([cargo, "build", "--release", "--offline", "--quiet"], cwd=target,
                          env=os.environ | {"CARGO_TARGET_DIR": os.path.join(target, "target")},
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        setting.note(f"the tokio loop was left out: cargo: {last}")
        return None
    return program


def listed(directory):
    return os.listdir(directory) if os.path.isdir(directory) else []


def copy(source, target):
    """Beside the build, so that Cargo's lock file does not land in the sources. What is unchanged
    keeps its time, and is not built again."""
    os.makedirs(os.path.join(target, ".cargo"), exist_ok=True)
    os.makedirs(os.path.join(target, "src"), exist_ok=True)
    with open(os.path.join(target, ".cargo", "config.toml"), "w", encoding="utf-8") as file:
        file.write(CONFIGURATION)
    for name in ("Cargo.toml", "src/main.rs"):
        shutil.copy2(os.path.join(source, name), os.path.join(target, name))
    try:  # another cargo may have left one that this cargo cannot read
        os.unlink(os.path.join(target, "Cargo.lock"))
    except FileNotFoundError:
        pass
