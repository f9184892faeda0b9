package io.metrology.contract;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import com.networknt.schema.Error;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SchemaRegistryConfig;
import com.networknt.schema.dialect.Dialect;
import com.networknt.schema.dialect.Dialects;
import com.networknt.schema.keyword.NonValidationKeyword;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * The API's description, as the service serves it. Clients must put up with fields that
 * it does not describe; here they count as faults, so that none is forgotten.
 */
final class OpenApiDocument {

	private static final JsonMapper JSON = JsonMapper.builder().build();

	private static final Set<String> METHODS = Set.of("get", "put", "post", "delete", "options", "head", "patch",
			"trace");

	private static final SchemaRegistry SCHEMAS = SchemaRegistry.withDefaultDialect(
			Dialect.builder(Dialects.getOpenApi31()).keyword(new NonValidationKeyword("components")).build(),
			(registry) -> registry
				.schemaRegistryConfig(SchemaRegistryConfig.builder().formatAssertionsEnabled(true).build()));

	private final JsonNode root;

	private final JsonNode closedComponents;

	OpenApiDocument(String yaml) {
		LoaderOptions options = new LoaderOptions();
		options.setAllowDuplicateKeys(false);
		this.root = JSON.valueToTree(new Yaml(options).load(yaml));
		this.closedComponents = closed(this.root.required("components"));
	}

	JsonNode at(String pointer) {
		return this.root.at(pointer);
	}

	/** Every method with its path, such as {@code GET /metrology/streams}. */
	Set<String> operations() {
		return this.root.required("paths")
			.properties()
			.stream()
			.flatMap((path) -> path.getValue()
				.propertyNames()
				.stream()
				.filter(METHODS::contains)
				.map((method) -> method.toUpperCase(Locale.ROOT) + " " + path.getKey()))
			.collect(Collectors.toCollection(TreeSet::new));
	}

	/** The scope that a key must have, or {@code open}. */
	String scope(String operation) {
		JsonNode security = operation(operation).required("security");
		return security.isEmpty() ? "open" : security.required(0).required("ApiKey").required(0).stringValue();
	}

	/** Where an answer differs from what is said of it: its status, headers and body. */
	List<String> faults(String operation, Answer answer) {
		JsonNode responses = operation(operation).required("responses");
		JsonNode response = resolve(responses.path(Integer.toString(answer.status())));
		if (response.isMissingNode()) {
			return List.of(answer.status() + " is not described");
		}
		return Stream
			.concat(headerFaults(response.path("headers"), answer), contentFaults(response.path("content"), answer))
			.toList();
	}

	/** Where an example differs from its schema. */
	List<String> exampleFaults() {
		List<String> faults = new ArrayList<>();
		visit(this.root, faults);
		return faults;
	}

	private JsonNode operation(String operation) {
		String[] parts = operation.split(" ");
		return this.root.required("paths").required(parts[1]).required(parts[0].toLowerCase(Locale.ROOT));
	}

	private Stream<String> headerFaults(JsonNode headers, Answer answer) {
		return headers.properties().stream().flatMap((header) -> {
			JsonNode described = resolve(header.getValue());
			String sent = answer.header(header.getKey());
			if (sent == null) {
				return described.path("required").asBoolean(false) ? Stream.of(header.getKey() + " is missing")
						: Stream.empty();
			}
			boolean number = described.at("/schema/type").asString("").equals("integer");
			JsonNode value = JSON.valueToTree(number ? Integer.valueOf(sent) : sent);
			return schemaFaults(described.required("schema"), value).map((fault) -> header.getKey() + ": " + fault);
		});
	}

	private Stream<String> contentFaults(JsonNode content, Answer answer) {
		String type = String.valueOf(answer.header("Content-Type")).split(";")[0];
		if (content.isMissingNode()) {
			return (answer.body().length == 0) ? Stream.empty() : Stream.of("a body is not described");
		}
		if (!content.has(type)) {
			return Stream.of(type + " is not described");
		}
		return type.endsWith("json") ? schemaFaults(content.required(type).required("schema"), answer.json())
				: Stream.empty();
	}

	private Stream<String> schemaFaults(JsonNode schema, JsonNode value) {
		ObjectNode whole = schema.<ObjectNode>asObject().deepCopy();
		whole.set("components", this.closedComponents);
		return SCHEMAS.getSchema(whole).validate(value).stream().map(Error::toString);
	}

	private JsonNode resolve(JsonNode node) {
		return node.has("$ref") ? this.root.at(node.required("$ref").stringValue().substring(1)) : node;
	}

	private void visit(JsonNode node, List<String> faults) {
		JsonNode schema = node.path("schema");
		if (schema.isObject() && node.has("example")) {
			note(schema, node.required("example"), faults);
		}
		if (schema.isObject()) {
			node.path("examples").forEach((example) -> note(schema, example.required("value"), faults));
		}
		else if (node.path("examples").isArray()) {
			node.required("examples").forEach((example) -> note(node, example, faults));
		}
		node.forEach((child) -> visit(child, faults));
	}

	private void note(JsonNode schema, JsonNode example, List<String> faults) {
		schemaFaults(schema, example).map((fault) -> example + " " + fault).forEach(faults::add);
	}

	/**
	 * The components with every object closed against other fields, but for those that
	 * others are made of.
	 */
	private static JsonNode closed(JsonNode components) {
		JsonNode closed = components.deepCopy();
		Set<String> parts = closed.findValues("allOf")
			.stream()
			.flatMap((allOf) -> allOf.findValuesAsString("$ref").stream())
			.collect(Collectors.toSet());
		closed.required("schemas").properties().forEach((schema) -> {
			boolean part = parts.contains("#/components/schemas/" + schema.getKey());
			if (!part && schema.getValue() instanceof ObjectNode object
					&& object.path("type").asString("").equals("object") && !object.has("additionalProperties")) {
				object.put("unevaluatedProperties", false);
			}
		});
		return closed;
	}

}
