// Package strangers has ten thousand connections that never log in beside clients that have: it
// measures what is left for these. It is built with the tag "strangers" and run by `make
// strangers`.
package strangers
