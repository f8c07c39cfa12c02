#!/bin/sh
# Prints the version of this source: the newest release in CHANGELOG.md when this commit has its tag, and that release with the commit's
# time and name when it has not, which packagers take for later than the release: 0.1.0+git.20261129013000.9f6b8efd1c2a.
set -eu
cd "$(dirname "$0")/.."
release=$(sed -n 's/^## \([0-9][0-9.]*\)$/\1/p' CHANGELOG.md | head -n 1)
if ! commit=$(TZ=UTC0 git log -1 --abbrev=12 --date=format-local:%Y%m%d%H%M%S --format=%cd.%h 2>/dev/null); then
  echo "$release+source"
elif [ -n "$(git status --porcelain --untracked-files=no)" ]; then
  echo "$release+git.$commit.dirty"
elif [ -n "$(git tag --points-at HEAD --list "v$release")" ]; then
  echo "$release"
else
  echo "$release+git.$commit"
fi
