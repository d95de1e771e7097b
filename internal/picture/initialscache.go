package picture

import (
	"container/list"
	"context"
	"image/color"
	"sync"
)

// maxDrawings bounds what [Initials] remembers, in bytes of PNG and of what names
// it. A picture for a mail has about 2 KiB.
const maxDrawings = 4 << 20

// Initials draws initials as PNG, one picture at a time, and remembers the latest:
// people without a picture have few colours and few pairs of letters, and
// anybody may ask for theirs again and again. It is safe for concurrent use.
type Initials struct {
	slots *Slots
	max   int // bytes

	mu      sync.Mutex
	drawn   map[drawing]*list.Element
	recency list.List // of *drawnInitials, the latest in front
	bytes   int
}

// drawing is all that a picture depends on.
type drawing struct {
	shape    Shape
	initials string
	colour   color.RGBA
	size     int
}

type drawnInitials struct {
	drawing
	png []byte
}

func (d *drawnInitials) cost() int { return len(d.png) + len(d.initials) + 256 } // the list and the map

// NewInitials returns one that remembers up to 4 MiB.
func NewInitials() *Initials { return newInitials(maxDrawings) }

func newInitials(limit int) *Initials {
	return &Initials{slots: NewSlots(1), max: limit, drawn: map[drawing]*list.Element{}}
}

// PNG returns what [InitialsPNG] draws; nobody may change it. One that has to be
// drawn waits up to 5 seconds for its turn: then the error is [ErrBusy].
func (c *Initials) PNG(ctx context.Context, s Shape, initials, seed string, size int) ([]byte, error) {
	if len(initials) > maxInitials {
		initials = "" // drawn the same, and not kept whole
	}
	want := drawing{s, initials, colourOf(seed), size}
	if data, ok := c.find(want); ok {
		return data, nil
	}
	release, err := c.slots.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	// Whoever waited together wants the same thing, as a rule.
	if data, ok := c.find(want); ok {
		return data, nil
	}
	data, err := InitialsPNG(s, initials, seed, size)
	if err != nil {
		return nil, err
	}
	c.keep(&drawnInitials{want, data})
	return data, nil
}

func (c *Initials) find(d drawing) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.drawn[d]
	if !ok {
		return nil, false
	}
	c.recency.MoveToFront(e)
	found, _ := e.Value.(*drawnInitials)
	return found.png, true
}

func (c *Initials) keep(d *drawnInitials) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drawn[d.drawing] = c.recency.PushFront(d)
	c.bytes += d.cost()
	for c.bytes > c.max {
		last, _ := c.recency.Remove(c.recency.Back()).(*drawnInitials)
		delete(c.drawn, last.drawing)
		c.bytes -= last.cost()
	}
}
