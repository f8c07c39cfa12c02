package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path"
	"path/filepath"
	"time"
)

// archive has the layout of Kafka's distribution, bin and config, so that what called the one finds
// the other.
func (r *Release) archive(p Platform) error {
	dir := r.Name(p)
	// The one file of the archive that is not the same on all platforms.
	files := []File{{Name: path.Join(dir, "bin", filepath.Base(r.Binary(p))), Mode: 0o755, Source: r.Binary(p)}}
	for _, name := range []string{"LICENSE", "NOTICES", "README.md", "CHANGELOG.md"} {
		files = append(files, File{Name: path.Join(dir, name), Mode: 0o644, Source: filepath.Join(r.Root, name)})
	}
	// In any order: the files are sorted before they are written.
	for from, to := range map[string]string{filepath.Join(r.Root, "configs", "examples"): "config", r.Doc("completions"): "completions",
		r.Doc("man1"): "man/man1", r.Doc("man5"): "man/man5", filepath.Join(r.Root, "packaging", "kubernetes"): "kubernetes"} {
		more, err := tree(from, path.Join(dir, to))
		if err != nil {
			return err
		}
		files = append(files, more...)
	}
	if p.OS == "linux" {
		for _, name := range []string{"momus.service", "momus-zookeeper.service"} {
			files = append(files, File{Name: path.Join(dir, "systemd", name), Mode: 0o644, Source: filepath.Join(r.Root, "packaging", "linux", name)})
		}
	}
	out := filepath.Join(r.Out, dir)
	if p.OS == "windows" { // where links are for administrators: momus.exe kafka-topics …
		return writeFile(out+".zip", func(w io.Writer) error { return writeZip(w, inOrder(files), r.Time) })
	}
	links, err := r.links(path.Join(dir, "bin"))
	if err != nil {
		return err
	}
	return writeFile(out+".tar.gz", func(w io.Writer) error { return writeTarGz(w, inOrder(append(files, links...)), r.Time) })
}

// writeFile creates a file and lets write fill it. The error of closing counts, as a full disk may
// tell of itself only then.
func writeFile(name string, write func(io.Writer) error) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	err = write(f)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}

// writeTarGz writes an archive without a name or a time in the header of gzip, which would be those
// of the build.
func writeTarGz(w io.Writer, files []File, at time.Time) error {
	// The level is part of the bytes: another Go with another compressor makes another archive.
	zw, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	if err := writeTar(zw, files, at); err != nil {
		return err
	}
	return zw.Close()
}

// writeTar writes files that belong to root, all of one time, in the order in which they are given:
// sorted files make the same bytes each time.
func writeTar(w io.Writer, files []File, at time.Time) error {
	tw := tar.NewWriter(w)
	for _, f := range files {
		// PAX, for names above 100 bytes; owners by name and without ids of this machine.
		h := &tar.Header{Name: f.Name, Mode: f.Mode, ModTime: at, Typeflag: tar.TypeReg, Linkname: f.Link, Format: tar.FormatPAX, Uname: "root", Gname: "root"}
		var data []byte
		switch {
		case f.Dir:
			h.Name, h.Typeflag = f.Name+"/", tar.TypeDir
		case f.Link != "":
			h.Typeflag = tar.TypeSymlink
		default:
			var err error
			if data, err = f.content(); err != nil {
				return err
			}
			h.Size = int64(len(data))
		}
		if err := tw.WriteHeader(h); err != nil {
			return err
		}
		if _, err := tw.Write(data); err != nil {
			return err
		}
	}
	return tw.Close()
}

// writeZip writes files for Windows, where nobody asks for owners and there are no links.
func writeZip(w io.Writer, files []File, at time.Time) error {
	zw := zip.NewWriter(w)
	for _, f := range files {
		// zip keeps no empty directories that anybody would need.
		if f.Dir {
			continue
		}
		data, err := f.content()
		if err != nil {
			return err
		}
		h := &zip.FileHeader{Name: f.Name, Method: zip.Deflate, Modified: at}
		h.SetMode(os.FileMode(f.Mode))
		fw, err := zw.CreateHeader(h)
		if err != nil {
			return err
		}
		if _, err := io.Copy(fw, bytes.NewReader(data)); err != nil {
			return err
		}
	}
	return zw.Close()
}
