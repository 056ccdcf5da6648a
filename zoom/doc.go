// Package zoom talks to Zoom: its API (client, tokens, errors) and its webhooks
// (signature, URL validation, events). It also knows which scopes and event types
// a Zoom app needs.
//
// It must not know that there is a database, a page, an incident or a bridge. It
// imports none of our packages, writes nothing to disk and starts nothing by
// itself. It treats everything that comes from Zoom, signed or not, as hostile
// text.
package zoom
