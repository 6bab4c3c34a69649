# What the scripts in hack/ share. Sourced, never run.
# shellcheck shell=bash
#
# IMAGES  public: images come from a registry. built: everything is made here, from Go modules, PyPI and Debian packages.
#         Unset, a registry is asked once and the answer is kept in .tools/images-mode.
# CLUSTER name of the kind cluster (default botsession)

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
tools=$root/.tools
mkdir -p "$tools/bin"
export PATH=$tools/bin:$PATH
export CLUSTER=${CLUSTER:-botsession}
export KUBECONFIG=$tools/kubeconfig   # the user's own ~/.kube/config is never touched
unset PYTHONDONTWRITEBYTECODE         # containers set it: each bot of the tests would then compile the runtime anew

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { say "$@"; exit 1; }

timed() { # what, command...: run it and print how long it took
  local what=$1 start=$SECONDS; shift
  say "$what ..."
  "$@" || { local code=$?; say "$what: FAILED after $((SECONDS - start)) s"; return $code; }
  say "$what: $((SECONDS - start)) s"
}

count_from_here() { # pytest's summary says how long it took since (tests/conftest.py)
  BOTSESSION_TESTS_BEGAN=$(date +%s); export BOTSESSION_TESTS_BEGAN
}

locked() { # name, command...: one process at a time; where flock is missing (macOS) there is no lock
  local lock=$tools/$1.lock; shift
  if ! command -v flock >/dev/null; then "$@"; return; fi
  exec 9>"$lock"
  flock -n 9 || { say "waiting for another run to finish ($lock)"; flock 9; }
  "$@" 9>&-
  local code=$?
  exec 9>&-
  return $code
}

need_debian() { # command, package: install what a step needs, or say what to install
  command -v "$1" >/dev/null && return
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || die "$1 is needed: install the package $2 and run this again"
  say "installing the Debian package $2"
  "$root/hack/debian" install "$2"
}

pipecat_versions() { # those that have an environment of their own: all but the newest, which is .venv's
  grep -v '^#' "$root/requirements/pipecat-versions.txt" | sed '$d'
}

docker_up() { "$root/hack/kind-node/docker-up"; }

images_mode() { # public or built; needs a Docker engine
  local kept=$tools/images-mode
  if [ -n "${IMAGES:-}" ]; then
    case $IMAGES in public | built) echo "$IMAGES"; return ;; *) die "IMAGES is '$IMAGES': public or built?" ;; esac
  fi
  if [ ! -s "$kept" ]; then
    local limit=(); command -v timeout >/dev/null && limit=(timeout 20)
    if "${limit[@]+"${limit[@]}"}" docker manifest inspect "$public_node" >/dev/null 2>&1; then echo public; else echo built; fi >"$kept"
    say "IMAGES=$(cat "$kept") (a registry was asked once; set IMAGES=public or built, or delete $kept, to change it)"
  fi
  cat "$kept"
}

# kind's own image for this minor version, by the digest in kind's release notes; and the one hack/kind-node builds.
public_node=kindest/node:v1.36.4@sha256:099e049362a1526b2db71494e1947aae99bd16290d7c895f2b7ea312e3cbfaed
built_node=kindest/node:v1.36.3
public_python=python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b
built_python=botsession/python:bookworm
# A newer Python, for the images of tests/images that have one.
public_newer_python=python:3.13-slim-trixie@sha256:8d9d0b8bcf6506481eae4907c18f5e3e7902e629f5f6d684f9e7c32e85e3ddf0
built_newer_python=botsession/python:trixie

node_image() { if [ "$(images_mode)" = public ]; then echo $public_node; else echo $built_node; fi; }
python_base() { if [ "$(images_mode)" = public ]; then echo $public_python; else echo $built_python; fi; }
newer_python_base() { if [ "$(images_mode)" = public ]; then echo $public_newer_python; else echo $built_newer_python; fi; }

node_image_present() { # build it or pull it, where it is not there yet
  local image; image=$(node_image)
  docker image inspect "$image" >/dev/null 2>&1 && return
  if [ "$(images_mode)" = built ]; then
    locked node-image timed "building the node image $image (13 minutes on 2 cores, once)" "$root/hack/kind-node/build" "$image"
  else
    locked node-image timed "pulling the node image" docker pull --quiet "$image"
  fi
}
