package io.metrology;

import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.util.UUID;

import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;

import static org.assertj.core.api.Assertions.assertThat;

/** The service speaks TLS where it is given a certificate. */
@ExtendWith(OutputCaptureExtension.class)
class TlsIT {

	private static final String PASSWORD = "change-me";

	@Test
	void chunkIsStoredOverTls(@TempDir Path folder, CapturedOutput output) throws Exception {
		Path store = createCertificate(folder);
		try (TestService service = TestService.start(TestPostgres.newDatabase(), "server.ssl.key-store=" + store,
				"server.ssl.key-store-password=" + PASSWORD)) {
			int port = service.url().getPort();
			HttpClient client = HttpClient.newBuilder().sslContext(trusting(store)).build();

			HttpResponse<String> answer = client
				.send(HttpRequest.newBuilder(URI.create("https://localhost:" + port + "/metrology/stream/chunk"))
					.header("Content-Type", "application/json")
					.POST(BodyPublishers.ofString(Chunks.ofPoints(UUID.randomUUID(), "thickness", 0, 3)))
					.build(), BodyHandlers.ofString());

			assertThat(answer.statusCode()).isEqualTo(201);
			assertThat(output).contains("Listening on https://127.0.0.1:" + port).doesNotContain("http://127.0.0.1");
		}
	}

	/** As the README does. */
	private static Path createCertificate(Path folder) throws Exception {
		Path store = folder.resolve("metrology.p12");
		Process keytool = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
				"-genkeypair", "-alias", "metrology", "-keyalg", "EC", "-validity", "825", "-dname", "CN=localhost",
				"-ext", "SAN=dns:localhost,ip:127.0.0.1", "-keystore", store.toString(), "-storepass", PASSWORD)
			.redirectErrorStream(true)
			.start();
		String printed = new String(keytool.getInputStream().readAllBytes());
		assertThat(keytool.waitFor()).as(printed).isZero();
		return store;
	}

	private static SSLContext trusting(Path store) throws Exception {
		KeyStore keys = KeyStore.getInstance("PKCS12");
		try (InputStream in = Files.newInputStream(store)) {
			keys.load(in, PASSWORD.toCharArray());
		}
		KeyStore trusted = KeyStore.getInstance("PKCS12");
		trusted.load(null, null);
		trusted.setCertificateEntry("metrology", keys.getCertificate("metrology"));
		TrustManagerFactory managers = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
		managers.init(trusted);
		SSLContext context = SSLContext.getInstance("TLS");
		context.init(null, managers.getTrustManagers(), null);
		return context;
	}

}
