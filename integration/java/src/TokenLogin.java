import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.util.*;
import javax.security.auth.callback.*;
import javax.security.auth.login.AppConfigurationEntry;
import org.apache.kafka.common.security.auth.AuthenticateCallbackHandler;
import org.apache.kafka.common.security.auth.SaslExtensionsCallback;
import org.apache.kafka.common.security.oauthbearer.*;

/** Logs in over OAUTHBEARER with the token in a file, the option "file" of the login module, as it is. */
public class TokenLogin implements AuthenticateCallbackHandler {
    private String file;

    @Override
    public void configure(Map<String, ?> configs, String mechanism, List<AppConfigurationEntry> entries) {
        file = (String) entries.get(0).getOptions().get("file");
    }

    @Override
    public void handle(Callback[] callbacks) throws java.io.IOException, UnsupportedCallbackException {
        for (Callback c : callbacks) {
            if (c instanceof OAuthBearerTokenCallback) {
                String token = new String(Files.readAllBytes(Paths.get(file)), StandardCharsets.UTF_8).trim();
                ((OAuthBearerTokenCallback) c).token(new OAuthBearerToken() {
                    @Override public String value() { return token; }
                    @Override public Set<String> scope() { return Collections.emptySet(); }
                    @Override public long lifetimeMs() { return System.currentTimeMillis() + 3600_000; }
                    @Override public String principalName() { return "sally"; }
                    @Override public Long startTimeMs() { return System.currentTimeMillis(); }
                });
            } else if (!(c instanceof SaslExtensionsCallback)) {
                throw new UnsupportedCallbackException(c);
            }
        }
    }

    @Override
    public void close() { }
}
