// Package suites runs the test suites of client libraries, as their authors wrote them, against
// momus. It holds a list of the tests that end otherwise than against the clusters that the authors
// use, each with its reason; whatever else fails, or no longer fails, is a fault. The tests have
// the build tag suites; make peers-suites runs them.
package suites
