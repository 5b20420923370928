package output

import (
	"context"
	"log/slog"
	"slices"
)

// handler is the slog.Handler of a Sink. It has only the attributes of Logger.With. The
// sink does the rest, so that a logger from before a reload writes to the current
// destination.
type handler struct {
	sink   *Sink
	attrs  []slog.Attr // flattened
	prefix string      // "group." of WithGroup
}

func (h *handler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= h.sink.level
}

// Handle never returns an error, because the caller could do nothing about it.
func (h *handler) Handle(_ context.Context, r slog.Record) error {
	rec := record{
		time:    r.Time,
		level:   r.Level,
		message: r.Message,
		attrs:   slices.Grow(slices.Clone(h.attrs), r.NumAttrs()),
	}
	r.Attrs(func(a slog.Attr) bool {
		rec.add(h.prefix, a)
		return true
	})
	h.sink.write(rec)
	return nil
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	rec := record{attrs: slices.Clone(h.attrs)}
	for _, a := range attrs {
		rec.add(h.prefix, a)
	}
	return &handler{sink: h.sink, attrs: rec.attrs, prefix: h.prefix}
}

func (h *handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return &handler{sink: h.sink, attrs: h.attrs, prefix: h.prefix + name + "."}
}
