// Package console is what a browser and momus why see of a broker: the journal and the page. It
// reads a view and a journal and changes nothing by itself; broker/http says who may look. The
// page's files are embedded.
package console
