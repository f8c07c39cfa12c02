// Package tour plays the whole course, so that what it teaches stays true; its tests have the build
// tags interop and tour.
package tour
