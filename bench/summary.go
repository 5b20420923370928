package main

import (
	"cmp"
	"math"
	"slices"
)

// quantile returns the value that a part q (from 0 to 1) of the sample does not
// exceed, by nearest rank. The sample must not be empty.
func quantile[T cmp.Ordered](sample []T, q float64) T {
	sorted := slices.Sorted(slices.Values(sample))
	rank := int(math.Ceil(q*float64(len(sorted)) - 1e-9)) // less what floats are off by
	return sorted[min(max(rank, 1), len(sorted))-1]
}

func median(sample []float64) float64 {
	sorted := slices.Sorted(slices.Values(sample))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}
