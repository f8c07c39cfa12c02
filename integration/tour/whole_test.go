//go:build tour

package tour

// make tour plays everything.
var clusterSizes = []int{1, 3}
