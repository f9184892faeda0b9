package io.metrology.command;

import picocli.CommandLine.IVersionProvider;

/** The version that the jar was built as. */
class Version implements IVersionProvider {

	@Override
	public String[] getVersion() {
		String version = Version.class.getPackage().getImplementationVersion();
		return new String[] { "Metrology Ingest " + ((version != null) ? version : "(not packaged)") };
	}

}
