#!/bin/sh
# Fetches the third-party files in static/vendor and the icons in views/icons.go
# at exact versions, and checks them against static/vendor/CHECKSUMS. Of Tabler's style
# sheet, which a phone would take a second to read, it keeps the rules that pages use.
#
#   sh static/vendor.sh           fetch, check, write; also after you use another class of Tabler or another icon
#   sh static/vendor.sh --record  same, but write new checksums; after you change a version
#
# The Go build does not run this script. Commit what it writes.
set -eu
cd "$(dirname "$0")"

tabler=@tabler/core@1.6.1
icons=@tabler/icons@3.51.0
htmx=htmx.org@2.0.11
purgecss=purgecss@8.0.0

# Names of icons in Tabler's set. Add a new icon here; do not draw one by hand.
icon_names="
activity adjustments-horizontal alert-circle alert-triangle arrow-down arrow-up bookmark calendar
chevron-down chevron-left chevron-right circle-check circle-x copy eye filter flame help
history info-circle key link list-details logout menu-2 microphone moon notes phone
player-pause player-play plug-connected plus refresh search settings shield-lock sun device-desktop
trash urgent user user-plus video video-plus webhook x check zoom-out
"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for spec in "$tabler" "$icons" "$htmx"; do
	(cd "$work" && npm pack --silent "$spec" >/dev/null)
done
if [ "${1:-}" = --record ]; then
	(cd "$work" && sha256sum ./*.tgz) >vendor/CHECKSUMS
else
	(cd "$work" && sha256sum --check --quiet) <vendor/CHECKSUMS
fi
for tgz in "$work"/*.tgz; do
	mkdir "${tgz%.tgz}"
	tar -xzf "$tgz" -C "${tgz%.tgz}" --strip-components=1
done

mkdir -p vendor
cp "$work"/tabler-core-*/dist/css/tabler.min.css vendor/tabler.css
classes() { grep -oE '\.[a-zA-Z][a-zA-Z0-9_-]*' vendor/tabler.css | cut -c2- | LC_ALL=C sort -u; }
classes >"$work/all"
pages="$(ls *.js ../views/*.templ ../zoom/zoomsim/*.templ ../views/*.go | grep -vE '_(templ|test)\.go$')" # as in vendor_test.go
# Our own style sheets are read too, for the variables that they use.
mkdir "$work/css"
npx --yes "$purgecss" --output "$work/css" --keyframes --variables --safelist :focus-visible \
	--css vendor/tabler.css app.css pages.css events.css \
	--content $pages
cp "$work/css/tabler.css" vendor/tabler.css
{
	classes
	grep -ohE '[A-Za-z0-9_-]+' $pages
} | LC_ALL=C sort -u | LC_ALL=C comm -23 "$work/all" - >vendor/tabler-unused.txt
cp "$work"/htmx.org-*/dist/htmx.min.js vendor/htmx.js
# Browsers request source maps, which we do not serve.
sed -i '/^\/\/# sourceMappingURL=/d; s|/\*# sourceMappingURL=[^*]*\*/||' vendor/tabler.css vendor/htmx.js
cp "$work"/htmx.org-*/LICENSE vendor/LICENSE.htmx
# @tabler/core has its license as a notice in the style sheet; the icons have the same MIT text.
cp "$work"/tabler-icons-*/LICENSE vendor/LICENSE.tabler

{
	echo 'package views'
	echo
	echo '// Written by static/vendor.sh from '"$icons"' (MIT). Icons are decoration: the words next to them carry the meaning.'
	echo 'var ('
	for name in $icon_names; do
		svg=$(echo "$work"/tabler-icons-*/icons/outline/"$name".svg)
		if grep -qE '<(circle|rect|line|ellipse|poly)' "$svg"; then
			echo "$name is not made of paths only, as the component icon expects" >&2
			exit 1
		fi
		id=$(echo "$name" | awk -F- '{for (i = 1; i <= NF; i++) printf "%s%s", toupper(substr($i, 1, 1)), substr($i, 2)}')
		paths=$(grep -o '<path d="[^"]*"' "$svg" | grep -v 'M0 0h24v24H0z' | sed 's/<path d=//' | paste -sd, | sed 's/,"/, "/g')
		printf '\tIcon%s = icon(%s)\n' "$id" "$paths"
	done
	echo ')'
} >../views/icons.go
gofmt -w ../views/icons.go
