using System.CommandLine;
using System.CommandLine.Parsing;
using ModelFs.Vfs.Names;

namespace ModelFs.Commands;

/// <summary>What is wrong with a command line, in words that name the part at fault. The library blames what it stumbles over, often a part that is right.</summary>
internal static class Complaint
{
    /// <summary>One line, or null where the command line is right.</summary>
    public static string? About(ParseResult parsed)
    {
        var command = parsed.CommandResult.Command;
        if (StrayOption(parsed) is { } stray)
            return $"{Name(parsed.CommandResult)} has no option '{stray}'{Nearest(stray.Split('=')[0], Options(command))}; see {Name(parsed.CommandResult)} --help, and write -- before a path that begins with a dash";
        if (parsed.Errors.Count == 0)
            return null;
        if (command.Subcommands.Count > 0)
        {
            var known = command.Subcommands.Where(c => !c.Hidden).Select(c => c.Name).ToList();
            var fault = parsed.UnmatchedTokens is [var wanted, ..]
                ? $"there is no verb '{wanted}'{Meant(wanted, command, known)}"
                : $"{Name(parsed.CommandResult)} needs a verb";
            return $"{fault}; see {Name(parsed.CommandResult)} --help";
        }

        if (parsed.CommandResult.Children.OfType<ArgumentResult>().FirstOrDefault(a => a.Tokens.Count < a.Argument.Arity.MinimumNumberOfValues) is { Argument: { } missing })
            return $"{Name(parsed.CommandResult)} needs a {missing.Name}; see {Name(parsed.CommandResult)} --help";
        return $"{About(parsed.Errors[0])}; see {Name(parsed.CommandResult)} --help";
    }

    /// <summary>The library's words for a value name types of the program; what an option says of its own is said as it is.</summary>
    private static string About(ParseError error)
    {
        var said = error.Message.TrimEnd('.');
        if (error.SymbolResult is not OptionResult { Option: { } option, Tokens: { } given } || said.StartsWith(option.Name + ':', StringComparison.Ordinal))
            return said;
        var form = option.HelpName is { } value ? $"{option.Name} <{value}>" : option.Name;
        return given switch
        {
            [] => $"{form} has no value",
            [var one] => $"{form} does not take '{one.Value}'",
            _ => said,
        };
    }

    /// <summary>What looks like an option, is none of this verb's, and was therefore taken for a path.</summary>
    private static string? StrayOption(ParseResult parsed) =>
        parsed.Tokens.Any(t => t.Type == TokenType.DoubleDash)
            ? null
            : parsed.CommandResult.Children.OfType<ArgumentResult>().SelectMany(a => a.Tokens.Select(t => t.Value))
                .Concat(parsed.UnmatchedTokens)
                .FirstOrDefault(t => t.Length > 1 && t[0] == '-');

    /// <summary>Long ones: of one letter each is near each.</summary>
    private static IReadOnlyList<string> Options(Command command) => [.. command.Options.Where(o => !o.Hidden && o.Name.StartsWith("--", StringComparison.Ordinal)).Select(o => o.Name)];

    private static string Nearest(string wanted, IReadOnlyList<string> known) =>
        NearestNames.Meant(wanted, known) is { } meant ? $", do you mean {meant}" : "";

    /// <summary>The verb that was misspelt, or the one that stands under another: <c>pin</c> is <c>cache pin</c>.</summary>
    private static string Meant(string wanted, Command command, IReadOnlyList<string> known) =>
        command.Subcommands.FirstOrDefault(c => c.Subcommands.Any(s => s.Name == wanted)) is { } above
            ? $", do you mean {above.Name} {wanted}"
            : Nearest(wanted, known);

    private static string Name(CommandResult result) =>
        result.Parent is CommandResult parent ? $"{Name(parent)} {result.Command.Name}" : "modelfs";
}
