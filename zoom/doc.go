// Package zoom speaks with Zoom: its API (client, tokens, errors) and its
// webhooks (signature, URL validation, events). It also knows what has to be
// ticked in a Zoom app (scopes, event types).
//
// It must not know that there is a database, a page, an incident or a bridge.
// It imports nothing of ours, keeps nothing on disk and starts nothing on its
// own. Whatever comes from Zoom, signed or not, is treated as hostile text.
package zoom
