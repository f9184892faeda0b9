package io.metrology.stream;

import jakarta.persistence.EntityManagerFactory;

import org.springframework.beans.factory.SmartInitializingSingleton;
import org.springframework.stereotype.Component;

/**
 * Waits for Hibernate, which starts in a thread of its own. If the entities do not match
 * the schema, the start fails before the first request can come in.
 */
@Component
class JpaStartupCheck implements SmartInitializingSingleton {

	private final EntityManagerFactory entities;

	JpaStartupCheck(EntityManagerFactory entities) {
		this.entities = entities;
	}

	@Override
	public void afterSingletonsInstantiated() {
		this.entities.getMetamodel();
	}

}
