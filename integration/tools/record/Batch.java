import java.io.*;
import java.net.*;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.security.Permission;
import java.util.*;
import java.util.concurrent.*;

/**
 * Runs many command lines of Kafka's tools in one JVM. Standard input has a line for each: time limit in ms, main class, and in base64
 * standard input and the arguments. The answer to each is a line: exit code (-1: the time was over), and in base64 what came on standard
 * output and standard error. Each runs with a class loader of its own, so that nothing static is left of the one before; a call of
 * System.exit records the code and never returns.
 */
public class Batch {
    static class Streams {
        final ByteArrayOutputStream out = new ByteArrayOutputStream(), err = new ByteArrayOutputStream();
        InputStream in;
        final CompletableFuture<Integer> exit = new CompletableFuture<>();
        ThreadGroup group;
    }
    static final InheritableThreadLocal<Streams> current = new InheritableThreadLocal<>();
    static volatile Streams latest;

    static Streams streams() { Streams s = current.get(); return s != null ? s : latest; }

    static PrintStream split(boolean err) {
        return new PrintStream(new OutputStream() {
            OutputStream to() { Streams s = streams(); return err ? s.err : s.out; }
            @Override public void write(int b) throws IOException { to().write(b); }
            @Override public void write(byte[] b, int off, int len) throws IOException { to().write(b, off, len); }
        }, true, StandardCharsets.UTF_8);
    }

    @SuppressWarnings("removal")
    public static void main(String[] args) throws Exception {
        PrintStream answers = System.out;
        List<URL> urls = new ArrayList<>();
        for (String dir : args[0].split(File.pathSeparator)) {
            if (dir.endsWith("*")) {
                try (DirectoryStream<Path> jars = Files.newDirectoryStream(Paths.get(dir.substring(0, dir.length() - 1)), "*.jar")) {
                    for (Path p : jars) urls.add(p.toUri().toURL());
                }
            } else urls.add(Paths.get(dir).toUri().toURL());
        }
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        System.setSecurityManager(new SecurityManager() {
            @Override public void checkPermission(Permission p) { }
            @Override public void checkPermission(Permission p, Object context) { }
            @Override public void checkExit(int status) {
                Streams s = streams();
                if (s == null) return;
                s.exit.complete(status);
                while (true) try { Thread.sleep(Long.MAX_VALUE); } catch (InterruptedException e) { }
            }
        });
        System.setOut(split(false));
        System.setErr(split(true));
        for (String line; (line = in.readLine()) != null; ) {
            String[] w = line.split(" ", -1);
            Streams s = new Streams();
            s.in = new ByteArrayInputStream(text(w[2]).getBytes(StandardCharsets.UTF_8));
            latest = s;
            System.setIn(s.in);
            String[] a = new String[w.length - 3];
            for (int i = 0; i < a.length; i++) a[i] = text(w[i + 3]);
            Thread t = new Thread(() -> {
                current.set(s);
                URLClassLoader loader = new URLClassLoader(urls.toArray(new URL[0]), ClassLoader.getPlatformClassLoader());
                Thread.currentThread().setContextClassLoader(loader);
                try {
                    Class.forName(w[1], true, loader).getMethod("main", String[].class).invoke(null, (Object) a);
                    s.exit.complete(0);
                } catch (java.lang.reflect.InvocationTargetException e) {
                    System.err.print("Exception in thread \"main\" ");
                    e.getCause().printStackTrace();
                    s.exit.complete(1);
                } catch (Throwable e) {
                    e.printStackTrace();
                    s.exit.complete(1);
                }
            }, "main");
            t.setDaemon(true);
            t.start();
            int code;
            try { code = s.exit.get(Long.parseLong(w[0]), TimeUnit.MILLISECONDS); } catch (TimeoutException e) { code = -1; }
            Thread.sleep(50);
            answers.println(code + " " + b64(s.out) + " " + b64(s.err));
            answers.flush();
        }
    }
    static String text(String b64) { return new String(Base64.getDecoder().decode(b64), StandardCharsets.UTF_8); }
    static String b64(ByteArrayOutputStream b) { return Base64.getEncoder().encodeToString(b.toByteArray()); }
}
