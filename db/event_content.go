package db

import (
	"bytes"
	_ "embed"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/klauspost/compress/s2"
)

// Encodings of an event's content. The content is the length of the headers as
// a varint, the headers as JSON, and the body as received.
const (
	plainContent = 0
	s2Content    = 1 // https://github.com/google/snappy with S2's extensions, and contentDict
)

// maxContent bounds what a damaged row can make us allocate: a webhook has 1 MiB
// at most, and its headers a few kilobytes.
const maxContent = 2 << 20

// contentDict is events as Zoom documents them. An event is so short that it
// hardly repeats itself, but it repeats these. Never edit it: content of the
// encoding 1 is read with these very bytes; another dictionary is another
// encoding.
//
//go:embed event_content.dict
var contentDictBytes []byte

// S2 with a dictionary takes 2 µs for an event and leaves 57 % of it; zstd takes
// 16 µs and leaves 50 %. It is done while a request is answered, so time counts.
var contentDict = sync.OnceValue(func() *s2.Dict { return s2.MakeDict(contentDictBytes, nil) })

// packing is what packContent works in, used again for the next event.
type packing struct{ plain, packed []byte }

var packings = sync.Pool{New: func() any { return new(packing) }}

// packContent makes the content of an event, compressed where that helps.
func packContent(headers map[string]string, body []byte) (encoding int, content []byte) {
	head, err := json.Marshal(headers)
	if err != nil {
		panic(err) // not with strings
	}
	p := packings.Get().(*packing)
	if len(body) <= 64<<10 { // a rare large one is not to be kept
		defer packings.Put(p)
	}
	p.plain = binary.AppendUvarint(p.plain[:0], uint64(len(head)))
	p.plain = append(p.plain, head...)
	p.plain = append(p.plain, body...)
	p.packed = contentDict().Encode(p.packed[:cap(p.packed)], p.plain)
	if len(p.packed) < len(p.plain) {
		return s2Content, bytes.Clone(p.packed)
	}
	return plainContent, bytes.Clone(p.plain)
}

// unpackContent reads what packContent made. The body is never nil.
func unpackContent(encoding int, content []byte) (headers map[string]string, body []byte, err error) {
	switch encoding {
	case plainContent:
	case s2Content:
		if n, err := s2.DecodedLen(content); err != nil || n > maxContent {
			return nil, nil, errors.Join(errors.New("the event's content is damaged"), err)
		}
		if content, err = contentDict().Decode(nil, content); err != nil {
			return nil, nil, fmt.Errorf("the event's content is damaged: %w", err)
		}
	default:
		return nil, nil, fmt.Errorf("the event's content has encoding %d, which this program does not know", encoding)
	}
	n, size := binary.Uvarint(content)
	if size <= 0 || n > uint64(len(content)-size) {
		return nil, nil, errors.New("the event's content is damaged")
	}
	head := content[size : size+int(n)]
	if err := json.Unmarshal(head, &headers); err != nil {
		return nil, nil, fmt.Errorf("the event's headers are damaged: %w", err)
	}
	return headers, content[size+int(n):], nil
}
