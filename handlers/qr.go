package handlers

import (
	"fmt"
	"image/color"
	"strings"

	"github.com/boombuler/barcode/qr"

	"github.com/drawbridge-hq/drawbridge/views"
)

// qrCode draws a QR code of a link. A link that is too long for one has none.
func qrCode(link string) views.QR {
	code, err := qr.Encode(link, qr.M, qr.Auto)
	if err != nil {
		return views.QR{}
	}
	size := code.Bounds().Dx()
	var path strings.Builder
	for y := range size {
		for x := 0; x < size; x++ {
			from := x
			for x < size && code.At(x, y) == color.Black {
				x++
			}
			if x > from {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", from, y, x-from, x-from)
			}
		}
	}
	return views.QR{Size: size, Path: path.String()}
}
