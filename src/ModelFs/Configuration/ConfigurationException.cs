namespace ModelFs.Configuration;

/// <summary>A setting is wrong. The message names the setting, its value, where it stands, and what it may be.</summary>
internal sealed class ConfigurationException(string message) : Exception(message);
