//go:build interop && !tour

package tour

// With one broker the course takes seconds; what needs three is played by make tour.
var clusterSizes = []int{1}
