#!/bin/sh
# Fetches the third-party files in static/vendor and the icons in views/icons.templ
# at exact versions, and checks them against static/vendor/CHECKSUMS.
#
#   sh static/vendor.sh           fetch, check, write views/icons.templ
#   sh static/vendor.sh --record  same, but write new checksums; after you change a version or an icon
#
# The Go build does not run this script. Commit what it writes.
set -eu
cd "$(dirname "$0")"

tabler=@tabler/core@1.6.1
icons=@tabler/icons@3.51.0
htmx=htmx.org@2.0.11

# Names of icons in Tabler's set. Add a new icon here; do not draw one by hand.
icon_names="
activity adjustments-horizontal alert-circle alert-triangle archive arrow-down arrow-left
arrow-right arrow-up book brand-zoom calendar chevron-down chevron-left chevron-right
chevron-up circle-check circle-x clock code copy device-mobile dots download edit
external-link eye file-text filter flame grip-vertical help history home info-circle key
keyboard link list-details lock login logout mail menu-2 message-circle microphone moon
notes phone player-play plug plug-connected plus qrcode refresh route search send settings
shield-check shield-lock sun device-desktop tag tool trash urgent user user-plus users
video video-plus webhook world x check
"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for spec in "$tabler" "$icons" "$htmx"; do
	(cd "$work" && npm pack --silent "$spec" >/dev/null)
done
for tgz in "$work"/*.tgz; do
	mkdir "${tgz%.tgz}"
	tar -xzf "$tgz" -C "${tgz%.tgz}" --strip-components=1
done

mkdir -p vendor
cp "$work"/tabler-core-*/dist/css/tabler.min.css vendor/tabler.css
cp "$work"/htmx.org-*/dist/htmx.min.js vendor/htmx.js
# Browsers request source maps, which we do not serve.
sed -i '/^\/\/# sourceMappingURL=/d; s|/\*# sourceMappingURL=[^*]*\*/||' vendor/tabler.css vendor/htmx.js
cp "$work"/htmx.org-*/LICENSE vendor/LICENSE.htmx
# @tabler/core has its license as a notice in the style sheet; the icons have the same MIT text.
cp "$work"/tabler-icons-*/LICENSE vendor/LICENSE.tabler

{
	echo 'package views'
	echo
	echo '// Written by static/vendor.sh from '"$icons"' (MIT). Icons are decoration: the words beside them carry the meaning.'
	for name in $icon_names; do
		func=$(echo "$name" | awk -F- '{for (i = 1; i <= NF; i++) printf "%s%s", toupper(substr($i, 1, 1)), substr($i, 2)}')
		echo
		echo "templ Icon$func() {"
		printf '\t<svg class="db-icon" viewBox="0 0 24 24" width="20" height="20" fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">'
		grep -E '^  <(path|circle|rect|line|ellipse|polyline)' "$work"/tabler-icons-*/icons/outline/"$name".svg |
			grep -v 'M0 0h24v24H0z' | sed 's/^  //; s| />|></path>|' | tr -d '\n'
		echo '</svg>'
		echo '}'
	done
} >../views/icons.templ

if [ "${1:-}" = --record ]; then
	sha256sum vendor/*.css vendor/*.js vendor/LICENSE.* ../views/icons.templ >vendor/CHECKSUMS
else
	sha256sum --check --quiet vendor/CHECKSUMS
fi
