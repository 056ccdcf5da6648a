package handlers

import (
	"encoding/base64"
	"strings"
)

// curlInline is the size in bytes up to which the command contains the body.
const curlInline = 100 << 10

// curlCommand is a command for bash or zsh that sends a body to url again, byte for
// byte and newly signed. The command takes the secret token from the environment,
// because no page may show it. note says what the command needs.
func curlCommand(url, id string, body []byte) (command, note string) {
	note = "The command signs with openssl and the secret token in ZOOM_WEBHOOK_SECRET, which you set in the shell. " +
		"This server recognizes the body as a duplicate; another server stores it as new."
	var b strings.Builder
	b.WriteString("(\n: \"${ZOOM_WEBHOOK_SECRET:?is not set: give it the webhook secret token of the Zoom app}\"\n")
	if len(body) > curlInline {
		note = "First download the body into the directory where you run the command. " + note
		b.WriteString("body=event-" + id + ".json\n")
	} else {
		b.WriteString("body=$(mktemp) && trap 'rm -f \"$body\"' EXIT\nopenssl base64 -d >\"$body\" <<'END'\n")
		for text := base64.StdEncoding.EncodeToString(body); text != ""; {
			n := min(len(text), 64)
			b.WriteString(text[:n] + "\n")
			text = text[n:]
		}
		b.WriteString("END\n")
	}
	b.WriteString(`at=$(date +%s)
signature=$({ printf 'v0:%s:' "$at"; cat "$body"; } | openssl dgst -sha256 -hmac "$ZOOM_WEBHOOK_SECRET" | sed 's/.*= *//')
curl -sS -i ` + shellQuote(url) + ` \
  -H 'Content-Type: application/json; charset=utf-8' \
  -H "x-zm-request-timestamp: $at" -H "x-zm-signature: v0=$signature" \
  --data-binary @"$body"
)`)
	return b.String(), note
}

// shellQuote quotes a text as one word of a shell command.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
