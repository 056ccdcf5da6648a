// Drawbridge gives every incident its own Zoom bridge. See README.md.
package main

import (
	"os"

	"github.com/drawbridge-hq/drawbridge/cli"
)

func main() { os.Exit(cli.Main()) }
