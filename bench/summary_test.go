package main

import (
	"testing"
	"time"
)

func TestQuantile(t *testing.T) {
	t.Parallel()
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[len(hundred)-1-i] = time.Duration(i + 1) // from 1 to 100, not in order
	}
	for _, test := range []struct {
		sample []time.Duration
		q      float64
		want   time.Duration
	}{
		{hundred, 0.5, 50},
		{hundred, 0.99, 99},
		{hundred, 0.991, 100},
		{hundred, 1, 100},
		{hundred, 0, 1},
		{[]time.Duration{7}, 0.99, 7},
		{[]time.Duration{2, 1}, 0.5, 1},
	} {
		if got := quantile(test.sample, test.q); got != test.want {
			t.Errorf("quantile(%d values, %v) = %d, want %d", len(test.sample), test.q, got, test.want)
		}
	}
	if hundred[0] != 100 {
		t.Error("quantile has sorted its argument")
	}
}

func TestMedian(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		sample []float64
		want   float64
	}{
		{[]float64{3}, 3},
		{[]float64{9, 1, 2}, 2},
		{[]float64{4, 1, 2, 9}, 3},
	} {
		if got := median(test.sample); got != test.want {
			t.Errorf("median(%v) = %v, want %v", test.sample, got, test.want)
		}
	}
}

func TestRatiosAreOfTheSameRound(t *testing.T) {
	t.Parallel()
	row := throughput{gordon: []float64{50, 100}, bare: []float64{100, 100}}
	if r := row.ratios(); len(r) != 2 || r[0] != 0.5 || r[1] != 1 {
		t.Errorf("ratios() = %v, want [0.5 1]", r)
	}
}
