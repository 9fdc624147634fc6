DROP TABLE subscription_place;
DROP TABLE notification;
DROP TABLE subscription;
