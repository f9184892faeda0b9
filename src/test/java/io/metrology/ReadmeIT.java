package io.metrology;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import static org.assertj.core.api.Assertions.assertThat;

/** The README's examples, pasted one after the other, give the answers that it shows. */
class ReadmeIT {

	private static final Pattern EXAMPLE = Pattern.compile("```sh\\n(curl [^`]*?)\\n```\\n\\n```json\\n([^`]*?)\\n```");

	private static final Pattern WORD = Pattern.compile("'([^']*)'|(\\S+)");

	private static final JsonMapper JSON = JsonMapper.builder().build();

	@Test
	void everyExampleGivesTheAnswerShown() throws Exception {
		Matcher examples = EXAMPLE.matcher(Files.readString(Path.of("README.md")));
		int count = 0;
		try (TestService service = TestService.start(TestPostgres.newDatabase())) {
			while (examples.find()) {
				JsonNode answer = JSON.readTree(send(examples.group(1), service.url().toString()));
				assertThat(answer).as(examples.group(1)).isEqualTo(JSON.readTree(examples.group(2)));
				count++;
			}
		}
		assertThat(count).isGreaterThanOrEqualTo(4);
	}

	/** Does what curl does with these arguments, without needing it. */
	private static String send(String command, String url) throws IOException, InterruptedException {
		List<String> words = words(command.replace("\\\n", " "));
		HttpRequest.Builder request = HttpRequest.newBuilder();
		String method = "GET";
		HttpRequest.BodyPublisher body = HttpRequest.BodyPublishers.noBody();
		for (int i = 1; i < words.size(); i++) {
			switch (words.get(i)) {
				case "-X" -> method = words.get(++i);
				case "-d" -> body = HttpRequest.BodyPublishers.ofString(words.get(++i));
				case "-H" -> request.headers(words.get(++i).split(": ", 2));
				default -> request.uri(URI.create(words.get(i).replace("http://localhost:8080", url)));
			}
		}
		return HttpClient.newHttpClient()
			.send(request.method(method, body).build(), HttpResponse.BodyHandlers.ofString())
			.body();
	}

	private static List<String> words(String command) {
		List<String> words = new ArrayList<>();
		Matcher matcher = WORD.matcher(command);
		while (matcher.find()) {
			words.add((matcher.group(1) != null) ? matcher.group(1) : matcher.group(2));
		}
		return words;
	}

}
