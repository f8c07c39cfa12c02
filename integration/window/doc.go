// Package window tests what people see of a cluster from outside: that momus why names the true
// cause of what a test has done to a cluster (build tag faults), and the page in a browser (build
// tag console).
package window
